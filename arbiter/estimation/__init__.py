"""Where the robot's base is: a Kalman filter over IMU, joints and the contact of the feet"""
