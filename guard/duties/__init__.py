"""What providers and platforms owe users and authorities, beyond the decision on a content."""
