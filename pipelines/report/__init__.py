"""The weekly report: one set of figures, tables and words (`blocks`), and formats that lay them out."""
