package store_test

func runChild() bool { return false }
