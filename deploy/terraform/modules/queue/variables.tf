variable "name" {
  description = "Name of the queue; its dead-letter queue has it with -dead."
  type        = string
}

variable "fifo" {
  description = "Whether each group's messages come in order and once."
  type        = bool
  default     = false
}

variable "dead_only" {
  description = "Whether only the dead-letter queue is wanted, for what a stream gives up."
  type        = bool
  default     = false
}

variable "visibility_timeout" {
  description = "Seconds for which a message taken is hidden; six times the function's timeout."
  type        = number
  default     = 360

  validation {
    condition     = var.visibility_timeout >= 0 && var.visibility_timeout <= 43200
    error_message = "A visibility timeout is 0 to 43200 seconds."
  }
}

variable "retention" {
  description = "Seconds for which a message that nobody takes is kept."
  type        = number
  default     = 24 * 3600
}

variable "max_receives" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 1000
    error_message = "A message is tried 1 to 1000 times."
  }
}
