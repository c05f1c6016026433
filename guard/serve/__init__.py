"""What listens: web pages and services. Nothing here is imported by checks or commands that do not
listen."""
