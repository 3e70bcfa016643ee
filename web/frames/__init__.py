"""The types of every frame that a stream sends or hears: one file per protocol.

Documents and the browser's types are made from them. What is sent ten times a second is written by
hand in ``web/codecs``; tests read each such frame back as its type here, so the two cannot differ.
A decimal is a JSON number with the exchange's own digits. Nothing here does anything.
"""
