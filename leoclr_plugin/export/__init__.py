"""Export a run's backbone to the formats of other libraries."""
