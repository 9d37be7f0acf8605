"""π0 for this robot: demonstrations, fine-tuning, distillation, export, evaluation. Needs the `train` extra."""
