"""The declared views, by room; views.py gives them their place in the menu."""
