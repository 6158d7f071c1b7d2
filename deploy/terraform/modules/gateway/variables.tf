variable "prefix" {
  description = "Begins the names of everything."
  type        = string
}

variable "socket_function" {
  description = "The function behind the WebSocket API."
  type = object({
    name       = string
    invoke_arn = string
  })
}

variable "http_function" {
  description = "The function behind the HTTP API."
  type = object({
    name       = string
    invoke_arn = string
  })
}

variable "rate" {
  description = "Requests a second that each API takes, on average."
  type        = number
}

variable "burst" {
  description = "Requests that each API takes at once."
  type        = number
}

variable "log_days" {
  description = "Days for which access logs are kept."
  type        = number
}
