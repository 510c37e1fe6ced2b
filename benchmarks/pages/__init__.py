"""What the pages of docs/ show: tables of what was measured, and pictures."""
