"""Many WebSocket clients on one machine, cheap enough that they do not decide the figures.

``processes.Load`` starts them and ``__main__`` is one process of them; the rest is pure. A process
holds thousands of raw sockets in one epoll loop, splits frames in place and decodes few. Nothing
here knows how a server works: what a server wants to hear is a ``dialects.Dialect``.
"""
