"""Parts: sections of the report, from facts to sentences, tables and charts."""
