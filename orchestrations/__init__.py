"""Durable orchestrations and the activities they call: generators that obey the rules of `rollouts`."""
