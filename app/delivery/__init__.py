"""From facts to mails: gathered, composed in the reader's language, sent at least once.

A fact is gathered into one mail per reader in one transaction; a mail is claimed by a committed
lease and then sent with nothing locked. A crash after the server took a mail repeats it under the
same Message-ID; nothing is lost.
"""
