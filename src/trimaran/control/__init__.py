"""Control: approvals, gates, triggers, audit and what the record adds up to."""
