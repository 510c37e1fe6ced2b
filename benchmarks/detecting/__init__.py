"""What a detector finds in dark clips, and in what is made of them."""
