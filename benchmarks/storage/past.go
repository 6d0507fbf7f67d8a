package main

import "context"

func runPast(ctx context.Context, o *options) error { return nil }
