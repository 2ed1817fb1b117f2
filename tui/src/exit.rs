//! Every way a command can fail: message, hint, exit code.
