"""What a person may ask for: access, a hold, erasure."""
