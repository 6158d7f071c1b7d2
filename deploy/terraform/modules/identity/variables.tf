variable "prefix" {
  description = "Begins the names of everything."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the pool refuses to be deleted."
  type        = bool
}
