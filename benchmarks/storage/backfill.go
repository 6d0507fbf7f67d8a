package main

import "context"

func runBackfill(ctx context.Context, o *options) error { return nil }
