"""Parts that all command lines share: parser, help, errors in one line, exit statuses, progress bar."""
