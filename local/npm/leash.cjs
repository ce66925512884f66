// Ends this process when the one that holds the other end of its standard input is gone; see local/leash.py.
// `unref`: watching must not keep the process alive once Azurite itself has finished.
process.stdin.on("end", () => process.exit(1));
process.stdin.on("error", () => process.exit(1));
process.stdin.resume();
process.stdin.unref?.();
