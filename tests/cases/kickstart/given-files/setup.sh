echo set up
