"""What every request and answer passes: hosts and origins, bodies, pages, problems, the HTTP server."""
