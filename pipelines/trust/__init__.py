"""What the data must be before anyone sees them: Great Expectations and cross-table checks."""
