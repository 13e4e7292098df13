"""Decoding token by token: greedy, sampled or by beam search, under the rules of a grammar."""
