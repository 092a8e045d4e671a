"""What people touch: the application graph, the conversation, the doors, the client and the command line."""
