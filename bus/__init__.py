"""How the processes talk: messages, topics, sockets, the journal, the loops, settings and logs."""
