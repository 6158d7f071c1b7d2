package pebble

import "context"

// Learn does what Run does first.
func (d *DB) Learn() error { return d.learn(context.Background()) }
