"""IBANs of Switzerland and Liechtenstein. Source: ISO 13616, checksum by ISO 7064 MOD 97-10."""

import re

_SHAPE = re.compile(r"(CH|LI)\d{7}[0-9A-Z]{12}")


def is_iban(text: str) -> bool:
    """Whether the text, in capitals and without blanks, is an IBAN with a right checksum."""
    if _SHAPE.fullmatch(text) is None:
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1
