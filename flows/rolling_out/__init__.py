"""What the control region does: rollouts told, steered, watched, undone, and regions healed."""
