"""What reporting an asset event to Dagster means: handlers, recorder, HTTP endpoints. Imports nothing by itself."""
