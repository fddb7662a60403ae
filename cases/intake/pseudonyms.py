"""Pseudonyms: a keyed hash finds the same patient or study again, and nobody can turn it back."""

from __future__ import annotations

import hashlib
import hmac
import uuid

from django.conf import settings

from accounts.models import Institution
from cases.models import Patient

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def keyed_hash(kind: str, institution_id: uuid.UUID, value: str) -> str:
    """64 hex digits, different in every institution and for every ``kind``."""
    message = f"{kind}\0{institution_id}\0{value}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()


def pseudonym(seed: str) -> str:
    """A short name from a hash (hex) that can be read out on the telephone: ``P-7K3M9QXA``."""
    number = int(seed[:16], 16)
    letters = []
    for _ in range(8):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "P-" + "".join(letters)


def patient_for(*, institution: Institution, patient_id: str) -> Patient:
    """The patient with this identifier, or a new one; an empty identifier always makes a new patient."""
    if not patient_id:
        return Patient.objects.create(institution=institution, pseudonym=pseudonym(uuid.uuid4().hex))
    key_hash = keyed_hash("patient", institution.pk, patient_id)
    patient, _ = Patient.objects.get_or_create(
        institution=institution, key_hash=key_hash, defaults={"pseudonym": pseudonym(key_hash)}
    )
    return patient
