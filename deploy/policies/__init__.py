"""What `deploy.policy` does with a policy file before it runs: describe it, check it"""
