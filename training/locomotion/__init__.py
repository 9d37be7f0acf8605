"""Walking policies: the task, PPO on two engines, the reference gait, evaluation and export."""
