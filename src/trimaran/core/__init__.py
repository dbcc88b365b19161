"""The keel: records, rules, ports and the ledger that every deck above leans on."""
