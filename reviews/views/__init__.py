"""The pages, by what they show: read, call one service, answer; a fragment where htmx asks."""
