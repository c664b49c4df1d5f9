"""Open questions about names, handed out as a workbook and taken back answered."""
