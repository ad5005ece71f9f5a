"""What consumes asset events from Kafka, and the command line that wires everything. Imports nothing by itself."""
