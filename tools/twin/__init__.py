"""blendfuse's model, losses, golden values and training protocol in PyTorch, in the letters of src/lib.rs."""
