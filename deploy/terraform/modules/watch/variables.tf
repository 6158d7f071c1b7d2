variable "prefix" {
  description = "Begins the names of everything."
  type        = string
}

variable "account_id" {
  description = "The account, whose alarms may use the topic."
  type        = string
}

variable "functions" {
  description = "Names of the functions, by what they are."
  type        = map(string)
}

variable "queues" {
  description = "Names of the queues, by what they are for."
  type        = map(string)
}

variable "dead_queues" {
  description = "Names of the dead-letter queues, by what they are for."
  type        = map(string)
}

variable "tables" {
  description = "Names of the tables."
  type        = list(string)
}

variable "alarms" {
  description = "Whether there are alarms."
  type        = bool
}

variable "email" {
  description = "Who is told of alarms and of the budget; null for nobody by e-mail."
  type        = string
}

variable "p99_ms" {
  description = "Milliseconds from which the slowest hundredth of calls raises an alarm."
  type        = number
}

variable "budget" {
  description = "US dollars a month; at 80 % spent, or if 100 % are forecast, somebody is told."
  type        = number

  validation {
    condition     = var.budget > 0
    error_message = "A budget is more than nothing."
  }
}
