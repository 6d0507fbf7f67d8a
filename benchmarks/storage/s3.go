package main

import "context"

func runS3(ctx context.Context, o *options) error { return nil }
