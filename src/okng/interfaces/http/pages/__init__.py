"""The pages that people use; what they show and do, they ask the services and `/api/v1` for."""
