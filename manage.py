#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from environ import Env

STARTS_SERVERS = {"demo", "bench"}  # servers of their own, whose addresses they hand to their children


def use_servers_of_make_run() -> None:
    """Where no servers are named, speak to those that `make run` or `make demo` has for this state folder."""
    named = os.environ.get("DATABASE_URL") and os.environ.get("VALKEY_URL")
    if named or Env().bool("SPINE_PRODUCTION", default=False) or STARTS_SERVERS.intersection(sys.argv[1:2]):
        return
    from spineplatform.embedded import read_addresses
    from spineplatform.state_folder import state_dir

    addresses = read_addresses(state_dir())
    if addresses is not None:
        os.environ |= addresses.environment()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spineplatform.settings")
    use_servers_of_make_run()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
