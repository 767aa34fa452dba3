"""The stream over Apache Kafka. Nothing outside this folder knows of it."""
