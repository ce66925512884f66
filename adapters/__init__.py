"""The only users of Azure SDKs, of the environment and of the clock; one class a file, `<tech>_<port>`."""
