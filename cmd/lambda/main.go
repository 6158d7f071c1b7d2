// Command lambda is the bootstrap of every function of Parley on AWS. Which one it is says its environment.
package main

import (
	"fmt"
	"os"

	runtime "github.com/aws/aws-lambda-go/lambda"

	"parley/wiring/lambda"
)

// version is set by the linker (see the Makefile).
var version string

func main() {
	c, err := lambda.FromEnv(os.Getenv, version)
	var handler any
	if err == nil {
		handler, err = lambda.Handler(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
		os.Exit(2)
	}
	runtime.Start(handler)
}
