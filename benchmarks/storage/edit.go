package main

import "context"

func runEdit(ctx context.Context, o *options) error { return nil }
