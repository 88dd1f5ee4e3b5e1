"""The bank's files to the accounts: each franc once, what is not certain waits for a person.

Read (`reading`), kept (`files`), decided (`fates`, `memory`), booked (`importing`, `settling`);
people decide the rest (`deciding`), and `proof` compares the ledger with the bank.
"""
